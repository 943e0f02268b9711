declare module "virtual:api-table" {
  const table: Readonly<Record<string, import("./aws/schema.ts").ServiceSchema>>;
  export default table;
}
declare module "*.css";
declare module "@cloudscape-design/components/i18n/messages/all.en";
declare module "@cloudscape-design/components/i18n/messages/all.ko";
