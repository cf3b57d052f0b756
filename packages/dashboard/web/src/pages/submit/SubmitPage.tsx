import { Page } from "../../shell/Page"

const ThisPage = () => <Page title="Submit">{null}</Page>

export default ThisPage
