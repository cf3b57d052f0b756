/**
 * How far the clock of the server is from that of this machine, by the `Date` of its answers, which has whole seconds.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import { HealthCheck } from "@runlease/core"
import { Clock, Effect, Option } from "effect"
import * as Phrases from "../output/Phrases.js"

/** How far the server is ahead, and how far off that may be; both in milliseconds. */
export interface Skew {
  readonly ahead: number
  readonly off: number
}

/** Measures it; none for an answer without `Date`. */
export const measure = (
  http: HttpClient.HttpClient,
  url: string,
): Effect.Effect<Option.Option<Skew>, HttpClientError.HttpClientError> =>
  Effect.gen(function* () {
    const sent = yield* Clock.currentTimeMillis
    const { headers } = yield* http.get(new URL("/healthz", url))
    const received = yield* Clock.currentTimeMillis
    const date = Date.parse(headers["date"] ?? "")
    return Number.isNaN(date)
      ? Option.none()
      : Option.some({ ahead: date + 500 - (sent + received) / 2, off: 500 + (received - sent) / 2 })
  })

/** The skew that is certain, in milliseconds; 0 where the clocks may agree. */
export const certain = ({ ahead, off }: Skew): number => Math.sign(ahead) * Math.max(0, Math.abs(ahead) - off)

export const findingOf = (measured: Option.Option<Skew>): HealthCheck.Finding => {
  if (Option.isNone(measured)) return HealthCheck.ok("Unknown: the answers of the server have no Date.")
  const skew = certain(measured.value)
  if (Math.abs(skew) < 2000) {
    return HealthCheck.ok("The clock of the server agrees with that of this machine within 2 s.")
  }
  const text = `The clock of the server is ${Phrases.span(Math.abs(skew))} ${skew < 0 ? "behind" : "ahead of"} that of this machine.`
  const advice =
    "Let both machines follow NTP. Leases do not depend on it, but what workers list and the dashboard show of silent workers does."
  return Math.abs(skew) < 30_000 ? HealthCheck.warn(text, advice) : HealthCheck.fail(text, advice)
}

export const check = (measured: Option.Option<Skew>): HealthCheck.HealthCheck => ({
  name: "clock",
  examine: Effect.succeed(findingOf(measured)),
})
