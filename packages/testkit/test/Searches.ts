/**
 * How far the random searches of the tests go, and where they begin.
 *
 * The seed is the hash of the commit, so each commit searches elsewhere, and the same commit always searches the same. The tests run a sixth
 * of the cases. `pnpm test:nightly` runs all of them by another seed each time. `RUNLEASE_SEARCH=SEED/sixth` and `RUNLEASE_SEARCH=SEED/all`
 * run those of a seed.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"

/** `seed` is below 2^28. */
export interface Searches {
  readonly seed: number
  readonly extent: "sixth" | "all"
}

const seedOfText = (text: string): number =>
  Number.parseInt(createHash("sha256").update(text).digest("hex").slice(0, 7), 16)

/** The seed without a commit, and of a copy of this repository inside another one. */
const fixedSeed = 20_261_201

/** The seed of the commit that is checked out in the folder; what is not committed changes nothing. */
export const seedOfCommit = (folder: string): number => {
  try {
    const printed = execFileSync("git", ["rev-parse", "--show-prefix", "HEAD"], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
    const [prefix, commit = ""] = printed.split("\n")
    return prefix === "" && commit !== "" ? seedOfText(commit) : fixedSeed
  } catch {
    return fixedSeed
  }
}

/** What a value of `RUNLEASE_SEARCH` says. */
export const read = (text: string): Searches => {
  const [, seed, extent] = /^(\d{1,9})\/(sixth|all)$/.exec(text) ?? []
  if (seed === undefined) throw new Error(`RUNLEASE_SEARCH must be such as 42/sixth or 42/all, not ${text}`)
  return { seed: Number(seed), extent: extent === "all" ? "all" : "sixth" }
}

const repository = new URL("../../..", import.meta.url).pathname

/** The searches of this process. */
export const current: Searches =
  process.env["RUNLEASE_SEARCH"] === undefined
    ? { seed: seedOfCommit(repository), extent: "sixth" }
    : read(process.env["RUNLEASE_SEARCH"])

/** The value of `RUNLEASE_SEARCH` that searches the same. */
export const show = ({ extent, seed }: Searches): string => `${seed}/${extent}`

/** The seed of one search. Two searches of a commit take different cases. */
export const seedOf = (search: string, { seed }: Searches = current): number =>
  seedOfText(`${seed} ${search}`)

/** A commit runs one case of so many. */
const part = 6

/** How many of the cases run. */
export const some = (cases: number, { extent }: Searches = current): number =>
  extent === "all" ? cases : Math.ceil(cases / part)

/** Those of the cases that run. Six seeds that follow each other run all of them. */
export const chosen = <A>(cases: ReadonlyArray<A>, { extent, seed }: Searches = current): ReadonlyArray<A> =>
  extent === "all" ? cases : cases.filter((_, index) => index % part === seed % part)

/** One of the cases, or all of them: for few cases, each of which is long. */
export const oneOf = <A>(cases: ReadonlyArray<A>, { extent, seed }: Searches = current): ReadonlyArray<A> =>
  extent === "all" ? cases : [cases[seed % cases.length]!]

/** Whether a search that has no cases runs: half of the commits play it. For processes that are killed at random, each of which is dear. */
export const plays = (search: string, searches: Searches = current): boolean =>
  searches.extent === "all" || seedOf(search, searches) % 2 === 0

/** The options of `PropertySuite`, for a search of so many histories. */
export const histories = (search: string, runs: number) => ({ runs: some(runs), seed: seedOf(search) })

/** The options of `SimulationSuite`, for a search of so many seeds. */
export const simulated = (search: string, seeds: number) => ({ seeds: some(seeds), from: seedOf(search) })

/** The options of the suites of limits, rates and fairness, for a search of so many histories. */
export const worlds = (search: string, worlds: number, steps: number) => ({
  worlds: some(worlds),
  steps,
  from: seedOf(search),
})
