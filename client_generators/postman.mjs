// node postman.mjs DOCUMENT COLLECTION: write a Postman collection (v2.1) of an OpenAPI document.
import { readFileSync, writeFileSync } from "node:fs";
import converter from "openapi-to-postmanv2";

const [document, collection] = process.argv.slice(2);
const options = {
  folderStrategy: "Tags",
  // "<string>" in a filter is a request that the shop refuses; what is optional is there, unticked.
  enableOptionalParameters: false,
  alwaysInheritAuthentication: false,
};

converter.convertV2({ type: "string", data: readFileSync(document, "utf8") }, options, (error, done) => {
  if (error || !done.result) throw new Error(error ?? done.reason);
  const { data } = done.output[0];
  writeFileSync(collection, `${JSON.stringify(data, null, 2)}\n`);
});
