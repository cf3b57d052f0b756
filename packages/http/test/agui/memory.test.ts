import { MemoryControlPlane } from "@runlease/store"
import * as Answers from "./Answers.js"
import * as Children from "./Children.js"
import { versions } from "./HttpAgents.js"
import * as Threads from "./Threads.js"
import * as FollowUps from "./FollowUps.js"
import * as Turns from "./Turns.js"

for (const version of versions) {
  Turns.suite("memory", MemoryControlPlane.layer, version)
  Answers.suite("memory", MemoryControlPlane.layer, version)
  Children.suite("memory", MemoryControlPlane.layer, version)
}
Threads.suite("memory", MemoryControlPlane.layer)
FollowUps.suite("memory", MemoryControlPlane.layer)
