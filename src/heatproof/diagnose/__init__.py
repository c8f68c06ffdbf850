"""Why does a map fail?

Each file asks one question of score tables or of what readers drew, and answers with estimates:

==============  ==================================================================
``geometry``    is it the finding's shape: how many, how large, how long, how ragged?
``features``    how does a score change with that shape?
``confidence``  does the map fail where the model is unsure?
``prior``       does it find the finding only where it usually is?
``prevalence``  does it find only what is common?
``boxes``       what would boxes instead of outlines have made of it?
``subgroups``   does it fail on some patients more than on others?
==============  ==================================================================
"""
