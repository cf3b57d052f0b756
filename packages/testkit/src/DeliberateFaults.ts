/**
 * Deliberate faults: a control plane or a worker that does one thing wrong. They show what a simulation finds.
 *
 * @since 0.1.0
 */
import { Claims } from "@runlease/core/Claims"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import { Clock, Context, Effect } from "effect"

type Ports = Context.Context<ProjectPorts>

/**
 * `store` changes the ports where the store serves them, `worker` where a worker has them.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeliberateFault {
  readonly sentence: string
  readonly store?: (ports: Ports) => Ports
  readonly worker?: (ports: Ports) => Ports
}

const replace =
  <I extends ProjectPorts, S>(tag: Context.Tag<I, S>, change: (service: S) => S) =>
  (ports: Ports): Ports =>
    Context.add(ports, tag, change(Context.get(ports, tag)))

/**
 * The deadline of a claimed run counts from when the claim had waited. So a worker counts from the answer where the claim is said to have
 * waited for as long as it took.
 */
const deadlineFromAnswer = replace(Claims, ({ claim }) => ({
  claim: (request) =>
    Effect.gen(function* () {
      const sentAt = yield* Clock.currentTimeNanos
      const claimed = yield* claim(request)
      const waitedMillis = Number(((yield* Clock.currentTimeNanos) - sentAt) / 1_000_000n)
      return claimed.map((run) => ({ ...run, waitedMillis }))
    }),
}))

/**
 * The faults by their names.
 *
 * @since 0.1.0
 * @category faults
 */
export const all = {
  "deadline-from-answer": {
    sentence: "a worker counts its lease from the answer to its claim, and not from the request",
    worker: deadlineFromAnswer,
  },
} satisfies Readonly<Record<string, DeliberateFault>>
