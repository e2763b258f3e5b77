"""How good an article is: goal faithfulness, step faithfulness, consistency, and how sure each number is.

``evaluate`` scores articles, ``results`` keeps every number with its interval and its samples, ``report`` prints them.
"""
