import { describe, expect, it } from "vitest"
import * as WebhookProjects from "../src/traits/WebhookProjects.js"

const mayHave = ({ names }: WebhookProjects.WebhookProjects, projectId: string): boolean =>
  names?.has(projectId) !== false

describe("the projects that may have endpoints", () => {
  it("are all until they were read, and then those that have one", () => {
    const projects = WebhookProjects.make()
    expect(mayHave(projects, "a")).toBe(true)
    projects.addAll(["a"])
    expect([mayHave(projects, "a"), mayHave(projects, "b")]).toEqual([true, false])
    projects.add("b")
    expect(mayHave(projects, "b")).toBe(true)
    projects.reading()(["a"])
    expect([mayHave(projects, "a"), mayHave(projects, "b")]).toEqual([false, true])
  })

  it("have one that gets an endpoint while all are read for the first time", () => {
    const projects = WebhookProjects.make()
    projects.add("a")
    projects.addAll([])
    expect(mayHave(projects, "a")).toBe(true)
  })

  it("have one that gets an endpoint while a commit reads that it has none", () => {
    const projects = WebhookProjects.make()
    projects.addAll(["a"])
    const forget = projects.reading()
    projects.add("a")
    forget(["a"])
    expect(mayHave(projects, "a")).toBe(true)
  })
})
