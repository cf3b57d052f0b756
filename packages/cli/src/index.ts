export * as Runlease from "./Runlease.js"
