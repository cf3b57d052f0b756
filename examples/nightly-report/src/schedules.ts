/** When runs of the agent begin. The source is this program: it changes these schedules, and no others. */
import { type Schedules } from "@runlease/core"
import { Report } from "./agents.js"

const target = { kind: "agent", id: Report.name } as const

export const source = "nightly-report"

export const declared: ReadonlyArray<Schedules.DeclaredSchedule> = [
  {
    key: "nightly",
    name: "Nightly report",
    target,
    schedule: "0 4 * * *",
    timezone: "Europe/Berlin",
    missed: "once",
    config: {
      input: { topic: "tides" },
      labels: { report: "nightly" },
      // Two reports are written at once, whatever begins them.
      concurrencyKey: "reports",
      concurrencyLimit: 2,
    },
  },
  {
    key: "pulse",
    name: "Pulse",
    target,
    schedule: "every 1s",
    concurrencyPolicy: "Queue",
    maxRuns: 2,
    config: { input: { topic: "pulse" }, labels: { report: "pulse" } },
  },
]
