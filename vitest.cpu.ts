/**
 * Where the tests' time goes: `TEST_CPU=FILE pnpm test` appends a line of JSON for each test file, with the seconds of CPU of its worker
 * and of the processes that it started and waited for.
 */
import { appendFileSync, readFileSync } from "node:fs"
import { relative } from "node:path"
import { afterAll, expect } from "vitest"

/** Linux counts a process's time in hundredths of a second, after its name, which may have spaces. */
const secondsOfChildren = (): number => {
  const stat = readFileSync("/proc/self/stat", "utf8")
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(13, 15)
  return (Number(user) + Number(system)) / 100
}

const before = { own: process.cpuUsage(), children: secondsOfChildren(), at: performance.now() }

afterAll(() => {
  const { system, user } = process.cpuUsage(before.own)
  const line = {
    file: relative(process.cwd(), expect.getState().testPath ?? ""),
    own: (user + system) / 1e6,
    children: secondsOfChildren() - before.children,
    wall: (performance.now() - before.at) / 1000,
  }
  appendFileSync(process.env["TEST_CPU"]!, `${JSON.stringify(line)}\n`)
})
