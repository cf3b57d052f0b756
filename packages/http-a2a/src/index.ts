export * as A2aFace from "./A2aFace.js"
