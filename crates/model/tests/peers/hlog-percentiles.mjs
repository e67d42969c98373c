// Reads an interval log with the HdrHistogram project's JavaScript reader, and says of each interval, one line each:
// tag, start in s, samples, and the values at a few ranks. What they should be is the test's to know.
import { readFileSync } from 'node:fs';
import hdr from 'hdr-histogram-js';

const reader = new hdr.HistogramLogReader(readFileSync(process.argv[2], 'utf8'));
for (let interval; (interval = reader.nextIntervalHistogram()); ) {
  const samples = interval.totalCount;
  const ranks = [0.01, 0.5, 0.9, 0.99, 0.999, 1].map((share) => Math.max(1, Math.ceil(samples * share)));
  // A quarter below the rank: the last bit of a division then cannot mean another sample.
  const values = ranks.map((rank) => interval.getValueAtPercentile((100 * (rank - 0.25)) / samples));
  console.log([interval.tag, interval.startTimeStampMsec / 1000, samples, ...values].join(' '));
}
