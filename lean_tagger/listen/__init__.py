"""From a file to scores: decode → resample → window → front-end → network → pool."""
