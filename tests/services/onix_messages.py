"""ONIX messages of our own making, in long and in short tags."""

import re

from bookstore.services.imports import onix_names

# Short tags of what the shop does not read.
_UNREAD = {
    "ContentAudience": "x427",
    "ProductComposition": "x314",
    "ProductForm": "b012",
    "ResourceForm": "x441",
    "Sender": "sender",
    "SenderName": "x298",
    "SentDateTime": "x307",
    "SubjectCode": "b069",
    "Supplier": "supplier",
    "SupplierName": "j137",
    "SupplierRole": "j292",
}
SPACE = "http://ns.editeur.org/onix/{release}/{form}"

DISPOSSESSED = """
<Product>
  <RecordReference>com.example.0001</RecordReference>
  <NotificationType>03</NotificationType>
  <ProductIdentifier><ProductIDType>03</ProductIDType><IDValue>9780061054884</IDValue>
  </ProductIdentifier>
  <ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>9780061054884</IDValue>
  </ProductIdentifier>
  <DescriptiveDetail>
    <ProductComposition>00</ProductComposition><ProductForm>BC</ProductForm>
    <Measure><MeasureType>08</MeasureType><Measurement>0.3</Measurement>
      <MeasureUnitCode>kg</MeasureUnitCode></Measure>
    <TitleDetail><TitleType>01</TitleType><TitleElement>
      <TitleElementLevel>01</TitleElementLevel><TitlePrefix>The</TitlePrefix>
      <TitleWithoutPrefix>Dispossessed</TitleWithoutPrefix>
      <Subtitle>An Ambiguous Utopia</Subtitle></TitleElement></TitleDetail>
    <Contributor><SequenceNumber>2</SequenceNumber><ContributorRole>A01</ContributorRole>
      <NamesBeforeKey>Second</NamesBeforeKey><KeyNames>Author</KeyNames></Contributor>
    <Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole>
      <PersonName>Ursula K. Le Guin</PersonName></Contributor>
    <Contributor><SequenceNumber>3</SequenceNumber><ContributorRole>B06</ContributorRole>
      <PersonName>A Translator</PersonName></Contributor>
    <Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>
    <Extent><ExtentType>00</ExtentType><ExtentValue>387</ExtentValue><ExtentUnit>03</ExtentUnit>
    </Extent>
    <Subject><SubjectSchemeIdentifier>10</SubjectSchemeIdentifier>
      <SubjectCode>FIC028000</SubjectCode>
      <SubjectHeadingText>FICTION / Science Fiction / General</SubjectHeadingText></Subject>
    <Subject><SubjectSchemeIdentifier>20</SubjectSchemeIdentifier>
      <SubjectHeadingText>anarchism; physics</SubjectHeadingText></Subject>
  </DescriptiveDetail>
  <CollateralDetail>
    <TextContent><TextType>03</TextType><ContentAudience>00</ContentAudience>
      <Text textformat="05"><p>Two <b>worlds</b> &amp; a wall.<script>x</script></p></Text>
    </TextContent>
    <SupportingResource><ResourceContentType>01</ResourceContentType>
      <ContentAudience>00</ContentAudience><ResourceMode>03</ResourceMode>
      <ResourceVersion><ResourceForm>02</ResourceForm>
        <ResourceLink>https://example.com/covers/1.jpg</ResourceLink></ResourceVersion>
    </SupportingResource>
  </CollateralDetail>
  <PublishingDetail>
    <Imprint><ImprintName>Voyager</ImprintName></Imprint>
    <Publisher><PublishingRole>01</PublishingRole><PublisherName>Harper</PublisherName>
    </Publisher>
    <PublishingStatus>04</PublishingStatus>
    <PublishingDate><PublishingDateRole>01</PublishingDateRole>
      <Date dateformat="00">19740501</Date></PublishingDate>
  </PublishingDetail>
  <ProductSupply><SupplyDetail>
    <Supplier><SupplierRole>01</SupplierRole><SupplierName>Harper</SupplierName></Supplier>
    <ProductAvailability>20</ProductAvailability>
    <Price><PriceType>05</PriceType><PriceAmount>8.00</PriceAmount>
      <CurrencyCode>USD</CurrencyCode></Price>
    <Price><PriceType>01</PriceType><PriceAmount>15.00</PriceAmount>
      <CurrencyCode>USD</CurrencyCode></Price>
    <Price><PriceType>02</PriceType><PriceAmount>16.99</PriceAmount>
      <CurrencyCode>USD</CurrencyCode></Price>
    <Price><PriceType>02</PriceType><PriceAmount>14.99</PriceAmount>
      <CurrencyCode>EUR</CurrencyCode></Price>
  </SupplyDetail></ProductSupply>
</Product>
"""


def small(number: int, **parts: str) -> str:
    """Return a record of what a book needs, which is less than EDItEUR asks; ``parts`` replace
    those of the same names."""
    told = {
        "kind": "03",
        "ids": "",
        "title": f"<TitleText>Book {number}</TitleText>",
        "people": "<ContributorRole>A01</ContributorRole><PersonName>Ann Author</PersonName>",
        "more": "",
        "publishing": "",
        "supply": "<ProductAvailability>20</ProductAvailability>",
        "price": "<PriceAmount>9.99</PriceAmount><CurrencyCode>USD</CurrencyCode>",
        **parts,
    }
    return """
<Product><RecordReference>ref.{number}</RecordReference>
  <NotificationType>{kind}</NotificationType>{ids}
  <DescriptiveDetail>
    <TitleDetail><TitleType>01</TitleType><TitleElement>
      <TitleElementLevel>01</TitleElementLevel>{title}</TitleElement></TitleDetail>
    <Contributor>{people}</Contributor>{more}</DescriptiveDetail>
  <PublishingDetail>{publishing}</PublishingDetail>
  <ProductSupply><SupplyDetail>{supply}<Price>{price}</Price></SupplyDetail></ProductSupply>
</Product>""".format(number=number, **told)


def message(
    *records: str,
    release: str = "3.0",
    doctype: str = "",
    header: str = "<DefaultPriceType>02</DefaultPriceType>",
) -> str:
    """Return a message in long tags."""
    space = SPACE.format(release=release, form="reference")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}'
        f'<ONIXMessage release="{release}" xmlns="{space}"><Header><Sender>'
        "<SenderName>Example</SenderName></Sender><SentDateTime>20261101</SentDateTime>"
        f"{header}</Header>{''.join(records)}</ONIXMessage>"
    )


def in_short_tags(long: str) -> str:
    """Return the same message in short tags."""
    short = _UNREAD | {long_name: tag for tag, long_name in onix_names._SHORT.items()}
    text = re.sub(r"(</?)(\w+)", lambda found: found[1] + short.get(found[2], found[2]), long)
    return text.replace("/reference", "/short")
