export const WIRE = [];
