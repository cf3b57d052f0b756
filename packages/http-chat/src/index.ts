export * as ChatFace from "./ChatFace.js"
