// node typescript.mjs DOCUMENT FOLDER: write a TypeScript client of an OpenAPI document.
import { createClient } from "@hey-api/openapi-ts";

const [input, path] = process.argv.slice(2);

await createClient({
  input,
  // With their extensions, imports are found by node as well as by bundlers.
  output: { path, module: { extension: ".js" } },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
  logs: { file: false, level: "warn" },
});
