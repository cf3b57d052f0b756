export * as RunleaseRunner from "./RunleaseRunner.js"
