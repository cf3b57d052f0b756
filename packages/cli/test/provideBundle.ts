/**
 * Provides the command to all tests as one bundle of the sources, with the pages that it serves.
 */
import * as Bundle from "../checkout/bundle.mjs"

declare module "vitest" {
  export interface ProvidedContext {
    /** The path of the bundled command. */
    readonly runlease: string
    /** The path of `InProcess.ts` in the same bundle. */
    readonly runleaseInProcess: string
  }
}

export default async (project: {
  readonly provide: (key: "runlease" | "runleaseInProcess", value: string) => void
}) => {
  await import(new URL("../../dashboard/web/build.mjs", import.meta.url).href)
  project.provide("runlease", await Bundle.command())
  project.provide("runleaseInProcess", await Bundle.inProcess())
}
