/** The workflows of GitHub: read as YAML, with pinned actions, and with commands that this repository has. */
import { describe, expect, it } from "vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

interface Step {
  readonly uses?: string
  readonly run?: string
}
interface Job {
  readonly "timeout-minutes": number
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: ReadonlyArray<Step>
}

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = `${root}.github/workflows/`
const workflows = readdirSync(folder).map((name) => {
  const text = readFileSync(`${folder}${name}`, "utf8")
  const jobs: Readonly<Record<string, Job>> = parse(text).jobs
  return { name, text, permissions: parse(text).permissions, jobs: Object.entries(jobs) }
})
const scripts: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(`${root}package.json`, "utf8"),
).scripts

describe.each(workflows)("the workflow $name", ({ jobs, permissions, text }) => {
  it("pins each action to a commit, and names its version", () => {
    const uses = text.split("\n").filter((line) => /\buses:/.test(line))
    expect(uses.filter((line) => !/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual(
      [],
    )
    expect(uses.length).toBeGreaterThan(0)
  })

  it("may read by default, and each job has a limit of time", () => {
    expect(permissions).toEqual({ contents: "read" })
    expect(jobs.filter(([, job]) => !(job["timeout-minutes"] > 0))).toEqual([])
  })

  it("runs what is there", () => {
    const lines = jobs.flatMap(([, { steps }]) =>
      steps.flatMap(({ run }) => (run === undefined ? [] : [run])),
    )
    const named = lines.flatMap((line) => {
      const script = /pnpm@[\d.]+ (?!install)(\S+)/.exec(line)?.[1]
      const file = /(?:^|node |--file )((?:\.ci|scripts|deploy)\/\S+)/.exec(line)?.[1]
      return [
        ...(script === undefined ? [] : [{ name: script, isThere: script in scripts }]),
        ...(file === undefined ? [] : [{ name: file, isThere: existsSync(`${root}${file}`) }]),
      ]
    })
    expect(named.filter(({ isThere }) => !isThere)).toEqual([])
    expect(named.length).toBeGreaterThan(0)
  })
})

it("only the job that publishes may get a token of identity, and it installs nothing", () => {
  const trusted = workflows.flatMap(({ jobs }) =>
    jobs.filter(([, { permissions }]) => permissions?.["id-token"] === "write"),
  )
  expect(trusted.map(([name]) => name)).toEqual(["npm"])
  expect(trusted.flatMap(([, { steps }]) => steps.filter(({ run }) => /install/.test(run ?? "")))).toEqual([])
})
