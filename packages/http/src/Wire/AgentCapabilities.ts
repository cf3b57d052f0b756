/** The capabilities of an agent, by the schema of AG-UI. */
import type { AgentCapabilitiesSchema } from "@ag-ui/core/schemas"
import { Schema } from "effect"
import type { z } from "zod/v4"
import * as ProtocolSchemas from "../agui/ProtocolSchemas.js"
import * as WholeJsonSchema from "./WholeJsonSchema.js"

export type AgentCapabilities = z.output<typeof AgentCapabilitiesSchema>

/**
 * Every field is optional; one that is absent is unknown.
 *
 * Source: `AgentCapabilitiesSchema` of `@ag-ui/core`.
 */
export const AgentCapabilities: Schema.Schema<AgentCapabilities> = Schema.declare(
  (value: unknown): value is AgentCapabilities =>
    ProtocolSchemas.AgentCapabilitiesSchema.safeParse(value).success,
  {
    identifier: "AgentCapabilities",
    message: () => "must be AgentCapabilities of AG-UI",
    jsonSchema: WholeJsonSchema.lazy(() =>
      ProtocolSchemas.jsonSchemaOf(ProtocolSchemas.AgentCapabilitiesSchema),
    ),
  },
)
