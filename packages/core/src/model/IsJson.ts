/** Whether JSON preserves a value, by its type. */

/** How deep a type is looked into: one that contains itself has no end. */
type Less = { 6: 5; 5: 4; 4: 3; 3: 2; 2: 1; 1: 0; 0: never }

type All<A, Depth extends keyof Less> = false extends { [K in keyof A]-?: IsJson<A[K], Less[Depth]> }[keyof A]
  ? false
  : true

/**
 * `true` where JSON preserves a value of the type, `false` where it changes it: a `Date`, an `Option`, a `Map`, an error, a function.
 * An unknown value passes.
 */
export type IsJson<A, Depth extends keyof Less = 6> = [Depth] extends [0]
  ? true
  : unknown extends A
    ? true
    : [Exclude<A, string | number | boolean | null | undefined | void>] extends [never]
      ? true
      : true extends Changed<Exclude<A, string | number | boolean | null | undefined | void>, Depth>
        ? false
        : true

/** Distributes over the members of a union. */
type Changed<A, Depth extends keyof Less> = A extends
  | bigint
  | symbol
  | Error
  | ReadonlyMap<never, unknown>
  | ReadonlySet<never>
  | ArrayBufferView
  | { readonly toJSON: unknown }
  | ((...arguments_: never) => unknown)
  ? true
  : A extends ReadonlyArray<infer Item>
    ? IsJson<Item, Less[Depth]> extends true
      ? false
      : true
    : All<A, Depth> extends true
      ? false
      : true
