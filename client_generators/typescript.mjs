// @hey-api/openapi-ts: how the TypeScript client is to look.
export default {
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
};
