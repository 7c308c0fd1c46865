"""Answers: the decode loop, prediction over files, scores of given answers, loaded adapters."""
