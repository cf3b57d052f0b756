/**
 * Names in snake_case, as columns and the wire have them: `runId` is `run_id`.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category types
 */
export type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : Name

/**
 * A name in camelCase as one in snake_case.
 *
 * @since 0.1.0
 * @category conversions
 */
export const snakeCase = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
