# Fits that are stored with each version, and what they are asked: used by data-raw/saved-fits.R,
# which stores the answers, and by test-saved.R, which compares.

fits_to_save <- function() {
  d <- rlmm::sleepstudy
  d$w <- rep(c(1, 2, 0.5), 60)
  d$o <- d$Days / 2
  d$h <- factor(rep(letters[1:4], 45))
  d$Reaction[c(4, 90)] <- NA
  knot <- 4
  bend <- function(x) pmax(x - knot, 0)
  list(
    slope = rlmm::rlmm(Reaction ~ Days + (Days | Subject), rlmm::sleepstudy),
    everything = suppressMessages(rlmm::rlmm(
      log(Reaction) ~ poly(Days, 2) + h + I(2 * (h == "b")) + (1 + bend(Days) || Subject) + (1 | h),
      d, weights = w, offset = o / 100, REML = FALSE, na.action = na.exclude,
      contrasts = list(h = "contr.sum")
    ))
  )
}

new_rows <- data.frame(Days = c(0, 12), Subject = c("308", "309"), h = c("a", "b"), o = 1, w = 1)

# Answers are compared with the stored ones.
saved_questions <- expression(
  fixef(fit), fixef(fit, add.dropped = TRUE), vcov(fit), sigma(fit), getME(fit, "theta"),
  c(logLik(fit)), attr(logLik(fit), "df"), REMLcrit(fit), deviance(fit, REML = FALSE), AIC(fit),
  nobs(fit), ngrps(fit), isSingular(fit), isREML(fit), lapply(ranef(fit), as.matrix),
  attr(ranef(fit)[["Subject"]], "postVar"), as.data.frame(VarCorr(fit)),
  lapply(coef(fit), as.matrix), fitted(fit), residuals(fit, scaled = TRUE), weights(fit),
  predict(fit, new_rows),
  predict(fit, new_rows, re.form = NA), predict(fit, new_rows, interval = "prediction"),
  coef(summary(fit)), summary(fit)$ngrps, fit_statistics(fit), variance_partition(fit),
  variance_parameters(fit), dim(model.matrix(fit)), dim(model.frame(fit)), hatvalues(fit),
  cooks.distance(fit), influence(fit, "Subject")$cooks, simulate(fit, seed = 1)[["sim_1"]],
  getME(fit, "devfun")(1.1 * getME(fit, "theta")), c(logLik(refitML(fit))),
  fixef(refit(fit, rev(getME(fit, "y")))), drop1(fit)$AIC, anova(fit)[["Sum Sq"]],
  rePCA(fit)[["Subject"]]$sdev, fit_log(fit)$conditions$kind, optinfo(fit)$certificate$certified
)

# These must answer, whatever they say.
saved_errands <- expression(
  print(fit), print(summary(fit)), print(VarCorr(fit)), print(ranef(fit)), print(fit_log(fit)),
  print(optinfo(fit)), print(plot(fit)), print(plot(fit, which = "qq")), print(plot_shrinkage(fit)),
  print(lattice::dotplot(ranef(fit))), print(intervals(fit)), print(multistart(fit, 1, seed = 1)),
  update(fit, . ~ 1 + (1 | Subject), evaluate = FALSE), formula(fit), terms(fit), getData(fit),
  family(fit), getME(fit, "ALL"), extractAIC(fit), rstudent(fit), vcov(fit, full = TRUE)
)

# Answers by the text of the question.
ask <- function(fit, questions) {
  answers <- lapply(as.list(questions), function(q) suppressMessages(eval(q, list(fit = fit))))
  text <- vapply(as.list(questions), function(q) paste(deparse(q), collapse = ""), "")
  stats::setNames(answers, text)
}
