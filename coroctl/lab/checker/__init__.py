"""Watches a running lab from outside its nodes: who holds the cluster address, who answers for it, where the manager
runs, and which terms there were (`checker.Checker`). It touches nothing that it watches, and knows nothing of how the
nodes decide.
"""
