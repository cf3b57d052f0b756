/**
 * The log of the commands, on stderr: lines of names and values, or JSON.
 */
import {
  Array,
  Cause,
  Context,
  FiberRef,
  FiberRefs,
  HashMap,
  Inspectable,
  Layer,
  Logger,
  Option,
  Tracer,
} from "effect"

export const formats = ["text", "json"] as const
export type Format = (typeof formats)[number]

/** The logger of every command, unless a flag selects another. */
export const text: Logger.Logger<unknown, void> = Logger.withConsoleError(Logger.logfmtLogger)

const spanOf = (refs: FiberRefs.FiberRefs): Option.Option<Tracer.AnySpan> =>
  Context.getOption(FiberRefs.getOrDefault(refs, FiberRef.currentContext), Tracer.ParentSpan)

const toText = (message: unknown): string =>
  typeof message === "string" ? message : Inspectable.toStringUnknown(message, 0)

/** A line for each entry, with the annotations of its run, attempt and worker, and the ids of its trace and span. */
const json = Logger.withConsoleError(
  Logger.make<unknown, string>(({ annotations, cause, context, date, logLevel, message }) =>
    JSON.stringify({
      time: date.toISOString(),
      level: logLevel.label.toLowerCase(),
      message: Array.ensure(message).map(toText).join(" "),
      ...Object.fromEntries(HashMap.toEntries(annotations)),
      ...Option.match(spanOf(context), {
        onNone: () => ({}),
        onSome: ({ spanId, traceId }) => ({ trace_id: traceId, span_id: spanId }),
      }),
      ...(Cause.isEmpty(cause) ? {} : { error: Cause.pretty(cause, { renderErrorCause: true }) }),
    }),
  ),
)

/** The format of what a process says when it fails. */
export const ofFailures: FiberRef.FiberRef<Format> = FiberRef.unsafeMake<Format>("text")

/** A failure as a line of the log in JSON. */
export const failureLine = (
  time: Date,
  message: string,
  details: Readonly<Record<string, string | undefined>>,
): string => JSON.stringify({ time: time.toISOString(), level: "error", message, ...details })

export const layer = (format: Format): Layer.Layer<never> =>
  format === "json" ? Logger.replace(text, json) : Layer.empty
