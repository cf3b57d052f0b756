/** A JSON Schema that is made when it is first read: few processes read any. */

/** The result of `make`, as an object that reads like it. */
export const of = (make: () => object): object => {
  let made: object | undefined
  const schema = () => (made ??= make())
  return new Proxy(
    {},
    {
      get: (_, name) => Reflect.get(schema(), name),
      getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(schema(), name),
      has: (_, name) => Reflect.has(schema(), name),
      ownKeys: () => Reflect.ownKeys(schema()),
    },
  )
}
