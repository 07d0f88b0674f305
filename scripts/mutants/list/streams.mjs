export const STREAMS = [];
