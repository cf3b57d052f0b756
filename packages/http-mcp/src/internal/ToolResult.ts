/** The results of tool calls. */
import type * as JsonRpc from "./JsonRpc.js"

/** A value, as a model reads it and as a program does. */
export const ofValue = (value: object, isError = false): JsonRpc.Params => ({
  content: [{ type: "text", text: JSON.stringify(value) }],
  structuredContent: value,
  isError,
})

/** A problem that the model may solve by another call. */
export const problem = (message: string): JsonRpc.Params => ({
  content: [{ type: "text", text: message }],
  isError: true,
})
