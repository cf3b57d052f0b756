/**
 * The program of the renewal thread: rounds as those of `RenewalRounds.onLoop` of core, over `node:http` alone.
 *
 * It runs from its text, so that it is there in every bundle, and loads no other module: Effect would take ten times as
 * much memory, and longer to start than a short lease allows.
 */
import * as ProgramText from "../contract/ProgramText.js"
import type * as RenewalRounds from "@runlease/core/RenewalRounds"
import type { Layout } from "./LeaseTable.js"
import type { Cells } from "./LoopBeat.js"

/** What the program is started with. */
export interface Settings {
  readonly layout: Layout
  readonly cells: Cells
  readonly beat: SharedArrayBuffer
  /** Where leases are renewed. */
  readonly url: string
  readonly workerId: string
  readonly leaseSeconds: number
  readonly maxRenewals: number
  readonly intervalMillis: number
  readonly timeoutMillis: number
  readonly stallLimitMillis: number
  readonly logFormat: "logfmt" | "json"
}

/** What the main thread sends to the program. */
export type Instruction =
  | { readonly _tag: "Page"; readonly page: SharedArrayBuffer }
  | { readonly _tag: "Token"; readonly token: string }

/** What the store says of the lease in a slot. */
export interface SlotAnswer {
  readonly slot: number
  readonly generation: number
  readonly answer: RenewalRounds.RoundAnswer
}

/**
 * A round that renewed nothing. `Refused`: the answer, whose `body` is undefined where it is no JSON. `Unreachable`: no answer came, for
 * `cause`. `TimedOut`: none came in time.
 */
export type FailedRound =
  | { readonly _tag: "Refused"; readonly status: number; readonly body: unknown }
  | { readonly _tag: "Unreachable"; readonly cause: unknown }
  | { readonly _tag: "TimedOut" }

/** What the program sends to the main thread. `sentAt` is by `process.hrtime`. */
export type Report =
  | { readonly _tag: "Answered"; readonly sentAt: bigint; readonly answers: ReadonlyArray<SlotAnswer> }
  | FailedRound

/** It names nothing outside of itself. */
const program = (): void => {
  const { parentPort, workerData } = process.getBuiltinModule("node:worker_threads")
  const http = process.getBuiltinModule("node:http")
  const https = process.getBuiltinModule("node:https")
  const { writeSync } = process.getBuiltinModule("node:fs")
  const settings = workerData as Settings
  const { cells, layout } = settings
  const client = settings.url.startsWith("https:") ? https : http
  const agent = new client.Agent({ keepAlive: true })
  const times = new BigInt64Array(settings.beat)
  const stallLimit = BigInt(settings.stallLimitMillis) * 1_000_000n
  const pages: Array<{ readonly int32: Int32Array; readonly int64: BigInt64Array; readonly bytes: Buffer }> =
    []
  let token = ""

  const report = (message: Report): void => parentPort!.postMessage(message, [])
  const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

  const heldLeases = () =>
    pages.flatMap(({ bytes, int32, int64 }, page) =>
      Array.from({ length: layout.pageSlots }, (_, index) => {
        const start = index * layout.slotBytes
        const generation = Atomics.load(int32, (start + layout.generation) / 4)
        if (generation === 0) return []
        const id = start + layout.id
        const runId = bytes.toString("utf8", id, id + int32[(start + layout.idLength) / 4]!)
        const epoch = int64[(start + layout.epoch) / 8]!
        const isWhole = Atomics.load(int32, (start + layout.generation) / 4) === generation
        const slot = page * layout.pageSlots + index
        return isWhole ? [{ slot, generation, runId, epoch: epoch < 0n ? null : Number(epoch) }] : []
      }).flat(),
    )
  type OwnedLeases = ReturnType<typeof heldLeases>

  const post = (body: string): Promise<{ readonly status: number; readonly text: string }> =>
    new Promise((resolve, reject) => {
      const request = client.request(
        settings.url,
        {
          method: "POST",
          agent,
          headers: {
            accept: "application/json",
            authorization: `Bearer ${token}`,
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
          },
          signal: AbortSignal.timeout(settings.timeoutMillis),
        },
        (response) => {
          let text = ""
          response.setEncoding("utf8")
          response.on("data", (chunk: string) => (text += chunk))
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }))
          response.on("error", reject)
        },
      )
      request.on("error", reject)
      request.end(body)
    })

  /** Writes when a renewal was sent to where the main thread finds it as soon as it runs again. */
  const noteRenewal = ({ generation, slot }: OwnedLeases[number], sentAt: bigint): void => {
    const { int32, int64 } = pages[Math.floor(slot / layout.pageSlots)]!
    const start = (slot % layout.pageSlots) * layout.slotBytes
    if (Atomics.load(int32, (start + layout.generation) / 4) === generation)
      Atomics.store(int64, (start + layout.renewedAt) / 8, sentAt)
  }

  const answerOf = (lease: Record<string, unknown> | undefined): RenewalRounds.RoundAnswer => {
    if (lease?.["status"] === "held" && typeof lease["lease_expires_at"] === "string")
      return { _tag: "Renewed", inbox: typeof lease["inbox"] === "number" ? lease["inbox"] : undefined }
    return { _tag: lease?.["status"] === "cancelled" ? "Cancelled" : "Lost" }
  }

  const take = (
    owned: OwnedLeases,
    sentAt: bigint,
    leases: ReadonlyArray<Record<string, unknown> | undefined>,
  ) => {
    const answers = owned.map((lease, position): SlotAnswer => {
      const answer = answerOf(leases[position])
      if (answer._tag === "Renewed") noteRenewal(lease, sentAt)
      return { slot: lease.slot, generation: lease.generation, answer }
    })
    report({ _tag: "Answered", sentAt, answers })
  }

  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }

  /** Renews these leases, and returns whether the same request may succeed soon. */
  const renew = async (owned: OwnedLeases): Promise<boolean> => {
    const sentAt = process.hrtime.bigint()
    const body = JSON.stringify({
      leases: owned.map(({ epoch, runId }) => ({ run_id: runId, lease_epoch: epoch })),
      lease_duration_seconds: settings.leaseSeconds,
    })
    try {
      const { status, text } = await post(body)
      const answer = parse(text) as { readonly leases?: unknown } | null | undefined
      if (status >= 200 && status < 300 && Array.isArray(answer?.leases)) {
        take(owned, sentAt, answer.leases)
        return false
      }
      report({ _tag: "Refused", status, body: answer })
      return status >= 500 || status === 429 || status === 408 || answer === undefined
    } catch (cause) {
      const { code, name } = cause as NodeJS.ErrnoException
      // A message keeps of an error neither its code nor its causes.
      report(
        name === "AbortError" || name === "TimeoutError"
          ? { _tag: "TimedOut" }
          : { _tag: "Unreachable", cause: { code } },
      )
      return true
    }
  }

  /** The main thread writes no line while it is blocked, so this thread does. */
  const log = (message: string, runIds: ReadonlyArray<string>): void => {
    const time = new Date().toISOString()
    const fields = { worker_id: settings.workerId, run_ids: runIds.join(",") }
    const line =
      settings.logFormat === "json"
        ? JSON.stringify({ time, level: "error", message, ...fields })
        : `timestamp=${time} level=ERROR message=${JSON.stringify(message)} ${Object.entries(fields)
            .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
            .join(" ")}`
    try {
      writeSync(2, `${line}\n`)
    } catch {
      // A log that takes no lines ends nothing.
    }
  }

  let isStopped = false
  /** Whether the main thread has stood still for longer than the limit. */
  const stops = (owned: OwnedLeases): boolean => {
    const now = process.hrtime.bigint()
    const still = now - Atomics.load(times, cells.movedAt)
    if (still <= stallLimit) {
      isStopped = false
      return false
    }
    if (!isStopped && owned.length > 0) {
      isStopped = true
      Atomics.store(times, cells.givenUpAt, now)
      const seconds = Math.round(Number(still / 1_000_000_000n))
      log(
        `The event loop has stood still for ${seconds} s, longer than the stall limit of ${settings.stallLimitMillis / 1000} s: leases are not renewed any more, so their runs go to other workers`,
        owned.map(({ runId }) => runId),
      )
    }
    return true
  }

  const round = async (): Promise<void> => {
    for (let delay = 100; ; delay = Math.min(2 * delay, 2000)) {
      const owned = heldLeases()
      if (owned.length === 0 || stops(owned)) return
      const chunks = Array.from({ length: Math.ceil(owned.length / settings.maxRenewals) }, (_, chunk) =>
        owned.slice(chunk * settings.maxRenewals, (chunk + 1) * settings.maxRenewals),
      )
      const again = await Promise.all(chunks.map(renew))
      if (!again.includes(true)) return
      await sleep(delay * (0.8 + 0.4 * Math.random()))
    }
  }

  const rounds = async (): Promise<void> => {
    for (;;) {
      await sleep(settings.intervalMillis)
      await round()
    }
  }

  parentPort!.on("message", (instruction: Instruction) => {
    if (instruction._tag === "Token") ({ token } = instruction)
    else {
      const { page } = instruction
      pages.push({
        int32: new Int32Array(page),
        int64: new BigInt64Array(page),
        bytes: Buffer.from(page),
      })
    }
  })
  void rounds()
}

export const text = ProgramText.of(program)
