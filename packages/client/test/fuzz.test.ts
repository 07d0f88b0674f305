import { test } from 'node:test';
import { fuzzAnswers } from './fuzz-cases.js';

test('T80: client: nodes that answer with anything → each call ends once and in time, nothing is thrown, honest nodes are believed again', () => {
  fuzzAnswers(1, 60);
});
