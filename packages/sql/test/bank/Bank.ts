/**
 * Transfers between the accounts of a bank, by workers of which one after the other is killed, and of which one is taken over in the middle of its
 * transaction. The same transfers are done by `Step.transaction` and by `Step.run`.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { Ids, RequestSnapshot, Runs } from "@runlease/core"
import { Deferred, Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as readline from "node:readline"
import * as Bundle from "../../../cli/checkout/bundle.mjs"
import * as Prng from "../../../testkit/src/simulation/Prng.js"
import { pauseLine, type Transfer, workLine } from "./Transfer.js"

export interface Settings {
  /** The control plane's database, and that of the bank: URLs of PostgreSQL, or paths of files. */
  readonly at: string
  readonly bank: string
  readonly transfers: number
  /** Between which money is moved. With few of them transfers wait for each other, and PostgreSQL ends some that would wait forever. */
  readonly accounts: number
  readonly workers: number
  /** In milliseconds. `pause` is that of a transfer in its middle. */
  readonly killEvery: number
  /** How many workers are killed at most. */
  readonly mostKills: number
  readonly pause: number
  readonly seed: number
  /** Ends a connection to the bank's database at random, each second. */
  readonly cut: Effect.Effect<unknown>
  /** Whether no process has a transaction of the control plane open. */
  readonly isFree: Effect.Effect<boolean>
  /** Lasts until the attempt that takes over waits for the transaction of the first. */
  readonly untilBlocked: Effect.Effect<unknown>
}

/** How the transfers of a ledger came out. */
export interface Ledger {
  readonly runs: number
  readonly completed: number
  /** Runs that have moved their money at least once, and moves beyond one for each. */
  readonly moved: number
  readonly again: number
  /** Whether each account has what its transfers, once each, leave it. */
  readonly balances: boolean
  readonly sum: number
}

export interface Report {
  readonly kills: number
  readonly transaction: Ledger
  readonly plain: Ledger
}

const opening = 1000

const ledgers = ["transaction", "plain"] as const

const teller = new URL("../fixtures/teller.ts", import.meta.url)

const start = ({ at, bank, pause }: Settings, program: string): ChildProcess =>
  spawn(process.execPath, [program, at, bank, String(pause)], { stdio: ["ignore", "pipe", "ignore"] })

/** A worker, and whether it has done a transfer. */
interface Teller {
  readonly process: ChildProcess
  works: boolean
}

/** A pause between two looks or two kills. */
const elapse = (millis: number) => Effect.sleep(millis)

/** Stops a worker where the control plane can be written. */
const stopped = (worker: ChildProcess, isFree: Effect.Effect<boolean>): Effect.Effect<ChildProcess> =>
  Effect.gen(function* () {
    worker.kill("SIGSTOP")
    while (!(yield* isFree)) {
      worker.kill("SIGCONT")
      yield* elapse(5)
      worker.kill("SIGSTOP")
    }
    return worker
  })

/** Workers that are replaced when they are killed. The Scope ends all of them. */
const makeFleet = (settings: Settings) =>
  Effect.gen(function* () {
    const program = yield* Effect.promise(() => Bundle.fixture(teller))
    const fleet: Array<Teller> = []
    const paused = yield* Deferred.make<ChildProcess>()
    let open = true
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        open = false
        for (const { process } of fleet) process.kill("SIGKILL")
      }),
    )
    const add = () => {
      const made: Teller = { process: start(settings, program), works: false }
      fleet.push(made)
      // One whose connection to the bank is ended while it starts ends by itself.
      made.process.once("exit", () => {
        fleet.splice(fleet.indexOf(made), 1)
        if (open) add()
      })
      readline.createInterface(made.process.stdout!).on("line", (line) => {
        if (line === workLine) made.works = true
        if (line !== pauseLine) return
        Deferred.unsafeDone(paused, Effect.succeed(made.process))
      })
    }
    return {
      add,
      /**
       * The worker that stands still in the middle of a transfer. It has no transaction of the control plane open: nobody could take its run
       * over while that has its lock.
       */
      paused: Effect.flatMap(Deferred.await(paused), (process) => stopped(process, settings.isFree)),
      /** Whether there was a worker to kill. One that has done nothing yet is spared: a slow machine would start workers and nothing else. */
      killOne: (pick: (count: number) => number): boolean => {
        const working = fleet.filter(({ works }) => works)
        const killed = working[pick(working.length)]
        if (killed === undefined) return false
        killed.works = false
        killed.process.kill("SIGKILL")
        return true
      },
    }
  })

export const play = (
  settings: Settings,
): Effect.Effect<Report, unknown, Runs.Runs | SqlClient.SqlClient | Scope.Scope> =>
  Effect.gen(function* () {
    const { accounts, cut, killEvery, mostKills, seed, transfers, untilBlocked, workers } = settings
    const sql = yield* SqlClient.SqlClient
    const runs = yield* Runs.Runs
    const random = Prng.make(seed)
    yield* sql`CREATE TABLE accounts (ledger text, account integer, balance integer, PRIMARY KEY (ledger, account))`
    yield* sql`CREATE TABLE transfers (ledger text, run text)`
    for (const ledger of ledgers) {
      yield* sql`INSERT INTO accounts ${sql.insert(
        Array.from({ length: accounts }, (_, account) => ({ ledger, account, balance: opening })),
      )}`
    }
    const submit = (ledger: string, input: Transfer) =>
      Effect.map(
        runs.submit({
          agentId: Ids.AgentId.make(ledger),
          snapshot: { ...RequestSnapshot.fromText("transfer"), input },
          maxAttempts: 100,
        }),
        ({ run }) => run.runId,
      )
    const fleet = yield* makeFleet(settings)
    for (let nth = 0; nth < workers; nth++) fleet.add()

    // One worker stands still in the middle of its transaction until another one has its run.
    const first: Transfer = { from: 0, to: 1, amount: 1, pauses: true }
    const taken = yield* submit("transaction", first)
    const stopped = yield* fleet.paused
    yield* Effect.repeat(Effect.zipRight(elapse(50), runs.get(taken)), {
      until: ({ leaseEpoch }) => Number(leaseEpoch) > 1,
    })
    yield* untilBlocked
    stopped.kill("SIGCONT")

    const list = Array.from({ length: transfers }, (): Transfer => {
      const from = random.between(0, accounts - 1)
      return {
        from,
        to: (from + 1 + random.between(0, accounts - 2)) % accounts,
        amount: 1 + random.between(0, 8),
      }
    })
    const submitted = yield* Effect.forEach(
      ledgers,
      (ledger) => Effect.forEach(list, (transfer) => submit(ledger, transfer), { concurrency: 20 }),
      { concurrency: 2 },
    )
    let kills = 0
    const faults = Effect.all(
      [
        Effect.forever(
          Effect.zipRight(
            elapse(killEvery),
            Effect.sync(() => {
              if (kills === mostKills) return
              if (fleet.killOne((count) => (count === 0 ? 0 : random.between(0, count - 1)))) kills += 1
            }),
          ),
        ),
        Effect.forever(Effect.zipRight(elapse(1000), cut)),
      ],
      { concurrency: "unbounded", discard: true },
    )
    const ended = Effect.forEach([taken, ...submitted.flat()], (runId) =>
      Effect.repeat(
        Effect.tap(runs.get(runId), ({ status }) =>
          status === "pending" || status === "running" ? elapse(100) : Effect.void,
        ),
        { until: ({ status }) => status !== "pending" && status !== "running" },
      ),
    )
    const statuses = yield* Effect.raceFirst(ended, faults as Effect.Effect<never>)

    const ledgerOf = (ledger: (typeof ledgers)[number]) =>
      Effect.gen(function* () {
        const all = ledger === "transaction" ? [first, ...list] : list
        const expected = Array.from({ length: accounts }, () => opening)
        for (const { amount, from, to } of all) {
          expected[from]! -= amount
          expected[to]! += amount
        }
        const balances = yield* sql<{ readonly balance: number }>`SELECT balance FROM accounts
          WHERE ledger = ${ledger} ORDER BY account`
        const moves = yield* sql<{ readonly run: string }>`SELECT run FROM transfers WHERE ledger = ${ledger}`
        const moved = new Set(moves.map(({ run }) => run)).size
        const ofLedger = statuses.filter(({ agentId }) => agentId === ledger)
        return {
          runs: all.length,
          completed: ofLedger.filter(({ status }) => status === "completed").length,
          moved,
          again: moves.length - moved,
          balances: balances.every(({ balance }, account) => Number(balance) === expected[account]),
          sum: balances.reduce((sum, { balance }) => sum + Number(balance), 0),
        }
      })
    return { kills, transaction: yield* ledgerOf("transaction"), plain: yield* ledgerOf("plain") }
  })

/** The sum of all balances of a ledger, whatever is moved. */
export const total = (accounts: number): number => accounts * opening
