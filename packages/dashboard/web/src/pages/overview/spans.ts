/** How far back the overview looks. */
import type { Span } from "../../api/project"

export type SpanName = "hour" | "day" | "week"

interface SpanChoice extends Span {
  readonly label: string
  /** As a sentence has it: "in the last hour". */
  readonly words: string
}

export const spans: Readonly<Record<SpanName, SpanChoice>> = {
  hour: { step: "minute", last: 60, label: "1 hour", words: "last hour" },
  day: { step: "hour", last: 24, label: "24 hours", words: "last 24 hours" },
  week: { step: "hour", last: 168, label: "7 days", words: "last 7 days" },
}

export const spanNames = Object.keys(spans) as ReadonlyArray<SpanName>

export const isSpanName = (name: string | undefined): name is SpanName =>
  name !== undefined && Object.hasOwn(spans, name)
