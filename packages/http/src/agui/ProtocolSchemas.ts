/**
 * The schemas of AG-UI. They and what they are made with take as long to load as a tenth of a server, so the bundle of the command loads
 * this module at its first use: it is imported as a namespace, used in functions alone, and imports no other source.
 */
import { z } from "zod/v4"

export { AgentCapabilitiesSchema, EventSchemas, RunAgentInputSchema } from "@ag-ui/core/schemas"

/** What a schema takes, as JSON Schema. */
export const jsonSchemaOf = (schema: z.ZodType) => {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema, { unrepresentable: "any", io: "input" })
  return jsonSchema
}
