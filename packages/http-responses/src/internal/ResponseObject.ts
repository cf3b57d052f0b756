/** A response before its run has begun. */
import type { Run } from "@runlease/core"
import { DateTime, Predicate } from "effect"
import type { Response, Settings } from "./Protocol.js"

/** Seconds since 1970. */
export const seconds = (time: DateTime.Utc): number => Math.floor(DateTime.toEpochMillis(time) / 1000)

const toolOf = (tool: unknown): object => ({
  description: null,
  parameters: null,
  strict: true,
  ...(Predicate.isRecord(tool) ? tool : {}),
})

/** The response that a run is, by its request. */
export const of = (
  { createdAt, runId }: Pick<Run.Run, "createdAt" | "runId">,
  settings: Settings,
): Response => ({
  id: runId,
  object: "response",
  created_at: seconds(createdAt),
  completed_at: null,
  status: "queued",
  incomplete_details: null,
  model: settings.model,
  previous_response_id: settings.previous_response_id ?? null,
  instructions: settings.instructions ?? null,
  output: [],
  error: null,
  tools: (settings.tools ?? []).map(toolOf),
  tool_choice: settings.tool_choice ?? "auto",
  truncation: settings.truncation ?? "disabled",
  parallel_tool_calls: settings.parallel_tool_calls ?? true,
  text: { format: { type: "text" }, ...settings.text },
  top_p: settings.top_p ?? 1,
  presence_penalty: settings.presence_penalty ?? 0,
  frequency_penalty: settings.frequency_penalty ?? 0,
  top_logprobs: settings.top_logprobs ?? 0,
  temperature: settings.temperature ?? 1,
  reasoning: settings.reasoning === undefined ? null : { effort: null, summary: null, ...settings.reasoning },
  usage: null,
  max_output_tokens: settings.max_output_tokens ?? null,
  max_tool_calls: settings.max_tool_calls ?? null,
  store: settings.store ?? true,
  background: settings.background ?? false,
  service_tier: "default",
  metadata: settings.metadata ?? {},
  safety_identifier: settings.safety_identifier ?? null,
  prompt_cache_key: settings.prompt_cache_key ?? null,
})
