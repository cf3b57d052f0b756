import { sqlite } from "../sqlite.js"
import * as Answers from "./Answers.js"
import * as Threads from "./Threads.js"
import * as Turns from "./Turns.js"

Turns.suite("SQLite", sqlite)
Answers.suite("SQLite", sqlite)
Threads.suite("SQLite", sqlite)
