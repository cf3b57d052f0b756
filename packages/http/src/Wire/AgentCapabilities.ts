/**
 * The capabilities of an agent, by the schema of AG-UI.
 *
 * @since 0.1.0
 */
import { AgentCapabilitiesSchema } from "@ag-ui/core/schemas"
import { Schema } from "effect"
import { z } from "zod/v4"

export type AgentCapabilities = z.output<typeof AgentCapabilitiesSchema>

const { $schema: _, ...jsonSchema } = z.toJSONSchema(AgentCapabilitiesSchema, {
  unrepresentable: "any",
  io: "input",
})

/**
 * Every field is optional; one that is absent is unknown.
 *
 * Source: `AgentCapabilitiesSchema` of `@ag-ui/core`.
 *
 * @since 0.1.0
 * @category models
 */
export const AgentCapabilities: Schema.Schema<AgentCapabilities> = Schema.declare(
  (value: unknown): value is AgentCapabilities => AgentCapabilitiesSchema.safeParse(value).success,
  { identifier: "AgentCapabilities", message: () => "must be AgentCapabilities of AG-UI", jsonSchema },
)
