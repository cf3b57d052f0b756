import { MemoryControlPlane } from "@runlease/core"
import * as Answers from "./Answers.js"
import * as Threads from "./Threads.js"
import * as FollowUps from "./FollowUps.js"
import * as Turns from "./Turns.js"

Turns.suite("memory", MemoryControlPlane.layer)
Answers.suite("memory", MemoryControlPlane.layer)
Threads.suite("memory", MemoryControlPlane.layer)
FollowUps.suite("memory", MemoryControlPlane.layer)
