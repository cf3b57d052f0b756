/** The compose file, read by the tool that will read it, and the script that makes the key of its workers, run against a server. */
import { describe, expect, it } from "@effect/vitest"
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { parse } from "yaml"

const folder = join(import.meta.dirname, "..")
const read = (name: string) => readFileSync(join(folder, name), "utf8")

/** Whether a program is there: it says its version. */
const has = (program: string, ...version: ReadonlyArray<string>) => spawnSync(program, version).status === 0

/** What the file takes from the environment. */
const settings = {
  ...process.env,
  RUNLEASE_API_KEY: "rlk_test",
  POSTGRES_PASSWORD: "secret",
  GRAFANA_PASSWORD: "own",
}

describe("compose", () => {
  it.skipIf(!has("docker-compose", "version"))("docker-compose takes the file", () => {
    const shown = execFileSync("docker-compose", ["-f", join(folder, "compose.yaml"), "config"], {
      encoding: "utf8",
      env: settings,
    })
    expect(shown).toContain("condition: service_healthy")
  })

  it.skipIf(!has("docker-compose", "version"))(
    "runs a module of one's own in the place of the worker",
    () => {
      const files = ["compose.yaml", "compose.module.yaml"].flatMap((name) => ["-f", join(folder, name)])
      const shown = execFileSync("docker-compose", [...files, "config", "--format", "json"], {
        encoding: "utf8",
        env: { ...settings, WORKER: folder },
      })
      const { worker } = (JSON.parse(shown) as { readonly services: Readonly<Record<string, unknown>> })
        .services
      expect(worker).toMatchObject({
        image: "runlease-worker",
        init: true,
        read_only: true,
        build: { context: folder, dockerfile_inline: expect.stringContaining("npm ci") },
        command: expect.arrayContaining(["--module", "worker.ts"]),
        environment: { RUNLEASE_URL: "http://server:4400", RUNLEASE_CONFIG: "/credentials/worker.json" },
        volumes: [{ source: "credentials", target: "/credentials", read_only: true }],
      })
      expect(JSON.stringify(worker)).not.toContain("rlk_test")
    },
  )

  interface Service {
    readonly image: string
    readonly environment?: Readonly<Record<string, string>>
    readonly command?: ReadonlyArray<string>
    readonly networks?: ReadonlyArray<string>
    readonly read_only?: boolean
    readonly cap_drop?: ReadonlyArray<string>
    readonly volumes?: ReadonlyArray<string>
  }

  const { services } = parse(read("compose.yaml"), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>
  }
  const named = (which: (service: Service) => boolean) =>
    Object.entries(services).flatMap(([name, service]) => (which(service) ? [name] : []))

  it("gives the admin key to the server and to what makes the key of the workers, and to nothing else", () => {
    expect(named((service) => JSON.stringify(service).includes("RUNLEASE_API_KEY"))).toEqual([
      "server",
      "worker-key",
    ])
    expect(services["worker"]?.environment?.["RUNLEASE_CONFIG"]).toBe("/credentials/worker.json")
    expect(services["worker"]?.volumes).toEqual(["credentials:/credentials:ro"])
    expect(named(({ networks }) => networks?.includes("database") === true)).toEqual(["database", "server"])
    const ours = named(({ image }) => image === "runlease")
    expect(named(({ cap_drop, read_only }) => read_only === true && cap_drop?.[0] === "ALL")).toEqual(ours)
    expect(services["grafana"]?.environment).toEqual({
      GF_SECURITY_ADMIN_PASSWORD: "${GRAFANA_PASSWORD:?set GRAFANA_PASSWORD}",
    })
  })

  it("makes the key of the workers once, and it is no admin key", async () => {
    const scratch = mkdtempSync(join(tmpdir(), "runlease-deploy-"))
    const bundle = join(folder, "../packages/cli/checkout/runlease.mjs")
    mkdirSync(join(scratch, "bin"))
    writeFileSync(join(scratch, "bin/runlease"), `#!/bin/sh\nexec node ${bundle} "$@"\n`, { mode: 0o755 })
    const env = {
      PATH: `${join(scratch, "bin")}:${process.env["PATH"]}`,
      RUNLEASE_API_KEY: `rlk_${"0123456789abcdef".repeat(3)}`,
    }
    const serve = ["serve", "--port", "0", "--json", "--database", `sqlite:${join(scratch, "test.sqlite")}`]
    const server = spawn("node", [bundle, ...serve], {
      cwd: scratch,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    })
    try {
      const [line] = await once(createInterface(server.stdout), "line")
      const { url } = JSON.parse(String(line)) as { readonly url: string }
      const run = (program: string, args: ReadonlyArray<string>, more: object = {}) =>
        spawnSync(program, args, {
          cwd: scratch,
          encoding: "utf8",
          env: { ...env, RUNLEASE_URL: url, ...more },
        })
      const file = join(scratch, "worker.json")
      const script = services["worker-key"]!.command![0]!.replaceAll(
        "/credentials/worker.json",
        file,
      ).replaceAll("/tmp/key.json", join(scratch, "key.json"))
      for (const attempt of [1, 2]) expect([attempt, run("sh", ["-ec", script]).status]).toEqual([attempt, 0])
      const keys = run("runlease", ["keys", "list", "--json"]).stdout.trim().split("\n")
      expect(keys.map((text) => JSON.parse(text)).map(({ admin, name }) => [name, admin])).toEqual(
        expect.arrayContaining([["worker", false]]),
      )
      expect(keys).toHaveLength(2)
      expect(statSync(file).mode & 0o077).toBe(0)
      const asWorker = { RUNLEASE_API_KEY: undefined, RUNLEASE_CONFIG: file }
      expect(run("runlease", ["runs", "list", "--json"], asWorker).status).toBe(0)
      expect(run("runlease", ["keys", "list"], asWorker).status).not.toBe(0)
    } finally {
      server.kill("SIGTERM")
      await once(server, "exit")
      rmSync(scratch, { recursive: true, force: true })
    }
  })

  it("names only files that are there", () => {
    const mounts = Array.from(read("compose.yaml").matchAll(/- (\.\/[^:]+):/g), ([, path]) => path!)
    expect(mounts.length).toBeGreaterThan(4)
    expect(mounts.filter((path) => !existsSync(join(folder, path)))).toEqual([])
  })
})
