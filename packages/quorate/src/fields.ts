/** The fields that arguments, results and events of resources of your own are declared with. */
export { bytes, choice, fence, flag, i53, list, nothing, optional, record, text, token, u16, u32, u53 } from '@quorate/machine';
