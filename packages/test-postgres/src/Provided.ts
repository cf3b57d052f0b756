/**
 * What `vitestSetup` tells the test files.
 */
declare module "vitest" {
  interface ProvidedContext {
    /** A database of the shared server, for a role that may create others. */
    readonly postgresUrl: string
  }
}

export const urlKey = "postgresUrl"
