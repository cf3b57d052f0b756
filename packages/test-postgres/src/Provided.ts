/**
 * The values that `vitestSetup` provides to test files.
 */
declare module "vitest" {
  interface ProvidedContext {
    /** The URL of a database on the shared server. Its role may create databases. */
    readonly postgresUrl: string
  }
}

export const urlKey = "postgresUrl"
