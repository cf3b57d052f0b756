/** The files for hosted platforms: they are read, and their commands are compared with what the command takes. No platform is called. */
import { describe, expect, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse as parseToml } from "smol-toml"
import { parse as parseYaml } from "yaml"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "deploy/platforms")
const read = (name: string) => readFileSync(join(folder, name), "utf8")

interface Fly {
  readonly kill_signal: string
  readonly kill_timeout: string
  readonly build: { readonly dockerfile: string }
  readonly env: Readonly<Record<string, string>>
  readonly processes?: Readonly<Record<string, string>>
  readonly http_service?: {
    readonly internal_port: number
    readonly checks: ReadonlyArray<{ readonly path: string }>
  }
}
interface Railway {
  readonly build: { readonly dockerfilePath: string }
  readonly deploy: {
    readonly startCommand: string
    readonly healthcheckPath?: string
    readonly drainingSeconds: number
  }
}
interface Render {
  readonly services: ReadonlyArray<{
    readonly type: string
    readonly dockerfilePath: string
    readonly dockerCommand?: string
    readonly healthCheckPath?: string
    readonly maxShutdownDelaySeconds: number
    readonly envVars: ReadonlyArray<{ readonly key: string; readonly value?: string }>
  }>
}

const flyServer = parseToml(read("fly.server.toml")) as unknown as Fly
const flyWorker = parseToml(read("fly.worker.toml")) as unknown as Fly
const railwayServer = JSON.parse(read("railway.server.json")) as Railway
const railwayWorker = JSON.parse(read("railway.worker.json")) as Railway
const [renderServer, renderWorker] = (parseYaml(read("render.yaml")) as Render).services

/** What a platform starts, after the command's name. */
const commands = {
  "fly.worker.toml": flyWorker.processes!["worker"]!,
  "railway.server.json": railwayServer.deploy.startCommand.replace(/^tini -- runlease /, ""),
  "railway.worker.json": railwayWorker.deploy.startCommand.replace(/^tini -- runlease /, ""),
  "render.yaml": renderWorker!.dockerCommand!,
}

describe("the files for platforms", () => {
  const helps = new Map<string, string>()
  const helpOf = (subcommand: string) => {
    const help =
      helps.get(subcommand) ??
      execFileSync("node", ["packages/cli/checkout/runlease.mjs", subcommand, "--help"], {
        cwd: root,
        encoding: "utf8",
      })
    helps.set(subcommand, help)
    return help
  }

  it.each(Object.entries(commands))("%s has flags that the command takes", (_name, command) => {
    const [subcommand, ...rest] = command.split(" -- ")[0]!.split(" ")
    const flags = rest.flatMap((word) => word.match(/^--[a-z-]+/) ?? [])
    expect(["serve", "worker"]).toContain(subcommand)
    expect(flags.length).toBeGreaterThan(2)
    expect(flags.filter((flag) => !helpOf(subcommand!).includes(flag))).toEqual([])
  })

  it("a worker may drain before the platform kills it", () => {
    const drain = (command: string) => Number(/--drain-timeout[= ](\d+)s/.exec(command)?.[1])
    const allowed = [
      [commands["fly.worker.toml"], Number.parseInt(flyWorker.kill_timeout, 10)],
      [commands["railway.worker.json"], railwayWorker.deploy.drainingSeconds],
      [commands["render.yaml"], renderWorker!.maxShutdownDelaySeconds],
    ] as const
    for (const [command, seconds] of allowed) expect(seconds).toBeGreaterThan(drain(command))
    // The signal of Fly is SIGINT unless the file names another.
    expect([flyServer.kill_signal, flyWorker.kill_signal]).toEqual(["SIGTERM", "SIGTERM"])
  })

  it("a platform asks whether a server is ready, at the port that it has", () => {
    expect(flyServer.http_service!.checks.map(({ path }) => path)).toEqual(["/readyz"])
    expect([railwayServer.deploy.healthcheckPath, renderServer!.healthCheckPath]).toEqual([
      "/readyz",
      "/readyz",
    ])
    expect(flyServer.http_service!.internal_port).toBe(4400)
    expect(renderServer!.envVars.find(({ key }) => key === "PORT")?.value).toBe("4400")
  })

  it("each builds the image of this folder, and none has a key in it", () => {
    const paths = [
      ...[flyServer, flyWorker].map(({ build }) => join(folder, build.dockerfile)),
      ...[railwayServer, railwayWorker].map(({ build }) => join(root, build.dockerfilePath)),
      ...[renderServer!, renderWorker!].map(({ dockerfilePath }) => join(root, dockerfilePath)),
    ]
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
    const keys = readdirSync(folder).filter((name) => /rlk_[0-9a-f]/.test(read(name)))
    expect(keys).toEqual([])
    for (const { envVars } of [renderServer!, renderWorker!]) {
      expect(envVars.find(({ key }) => key === "RUNLEASE_API_KEY")?.value).toBe(undefined)
    }
  })
})
