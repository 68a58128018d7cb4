// node postman.mjs DOCUMENT COLLECTION: write a Postman collection (v2.1) of an OpenAPI document.
import { readFileSync, writeFileSync } from "node:fs";

// What it draws for a pattern or an enumeration, it draws again: one document, one collection.
// Before the import, since the drawing is set up there.
let seed = 1;
Math.random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const { default: converter } = await import("openapi-to-postmanv2");

const [document, file] = process.argv.slice(2);
const options = {
  folderStrategy: "Tags",
  // What is optional is there, and not ticked: the shop refuses a filter of "<string>".
  enableOptionalParameters: false,
};

function tidy(item) {
  // Whoever imports it gives it ids anyway.
  delete item.id;
  // Invented answers, one for each status, are nine tenths of the file and help nobody.
  if (item.request) item.response = [];
  item.item?.forEach(tidy);
}

converter.convertV2({ type: "string", data: readFileSync(document, "utf8") }, options, (error, done) => {
  if (error || !done.result) throw new Error(error ?? done.reason);
  const collection = done.output[0].data;
  tidy(collection);
  delete collection.info._postman_id;
  collection.variable = [
    { key: "baseUrl", value: "http://127.0.0.1:8000" },
    { key: "bearerToken", value: "", description: "`access` of the answer to POST /auth/token" },
  ];
  writeFileSync(file, `${JSON.stringify(collection, null, 2)}\n`);
});
