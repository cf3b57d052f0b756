/** The projects that may have endpoints, as this process knows, so that an event of another one costs a look at a set. */

export interface WebhookProjects {
  /** Those that may have endpoints. Undefined until all were read: any project may. */
  readonly names: ReadonlySet<string> | undefined

  /** Notes a project that has got an endpoint. */
  readonly add: (projectId: string) => void

  /** Notes all projects that had endpoints when they were read. One that was added meanwhile stays. */
  readonly addAll: (projectIds: ReadonlyArray<string>) => void

  /**
   * Begins to read the endpoints of projects. The returned function forgets those that have none, but nothing where a project was added
   * meanwhile: the reading may have missed its endpoint.
   */
  readonly reading: () => (without: ReadonlyArray<string>) => void
}

export const make = (): WebhookProjects => {
  const names = new Set<string>()
  let additions = 0

  const add = (projectId: string): void => {
    additions += 1
    names.add(projectId)
  }

  const projects: { -readonly [K in keyof WebhookProjects]: WebhookProjects[K] } = {
    names: undefined,
    add,
    addAll: (projectIds) => {
      projectIds.forEach(add)
      projects.names = names
    },
    reading: () => {
      const before = additions
      return (without) => {
        if (additions === before) without.forEach((projectId) => names.delete(projectId))
      }
    },
  }
  return projects
}
