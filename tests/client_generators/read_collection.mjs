// node read_collection.mjs COLLECTION BASE TOKEN: print every request, a line of JSON each, as
// Postman's own library reads it, with the variables put in and what is unticked left out.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../client_generators/package.json", import.meta.url));
const { Collection, Property } = require("postman-collection");

const [file, baseUrl, bearerToken] = process.argv.slice(2);
const collection = new Collection(JSON.parse(readFileSync(file, "utf8")));
const put = (text) => Property.replaceSubstitutions(text, { baseUrl, bearerToken });

collection.forEachItem(({ name, request }) => {
  const path = request.url.getPath({ unresolved: true });
  console.log(
    JSON.stringify({
      name,
      method: request.method,
      template: path.replace(/:(\w+)/g, "{$1}"),
      url: put(request.url.toString()),
      headers: request.getHeaders({ enabled: true }),
      token: put(request.auth?.parameters().get("token") ?? ""),
      body: request.body?.toString() ?? "",
    }),
  );
});
