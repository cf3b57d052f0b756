/**
 * The package manager that started this program, which is the one that the project is for.
 */
import { spawn } from "node:child_process"

export type PackageManager = "npm" | "pnpm" | "yarn" | "bun"

/** From `npm_config_user_agent`, such as `pnpm/10.34.9 npm/? node/v20.20.2 linux x64`; npm where there is none. */
export const fromUserAgent = (userAgent: string | undefined): PackageManager => {
  const name = /^(pnpm|yarn|bun)\//.exec(userAgent ?? "")?.[1]
  return (name as PackageManager | undefined) ?? "npm"
}

/** How a person runs a script of the project. */
export const runScript = (manager: PackageManager, script: string): string => `${manager} run ${script}`

/** Runs the installation with its output on this terminal. Returns whether it succeeded. */
export const install = (manager: PackageManager, folder: string): Promise<boolean> =>
  new Promise((resolve) => {
    // npm is a script of the shell on Windows.
    const child = spawn(manager, ["install"], {
      cwd: folder,
      stdio: ["ignore", "inherit", "inherit"],
      shell: process.platform === "win32",
    })
    child.once("error", () => resolve(false))
    child.once("exit", (code) => resolve(code === 0))
  })
