"""Finding out which books go with which: from whom (``taste``), how, and how well that is.

| module | what |
|---|---|
| ``taste`` | who likes what, and what books are like: of the shop, or of files |
| ``learning`` | the model of the optional extra, in numpy and scipy |
| ``counting`` | without it: books that were bought by the same readers, counted in SQL |
| ``fitting`` | one run: a method, its pairs, and the moment when readers see them |
| ``fits`` | its row: one at a time, given up when its process is gone |
| ``fit_jobs`` | the job by which staff has one done |
| ``evaluating`` | how good lists are, on ratings that were held back |
"""
