test_that("plot() of a fit shows what it says", {
  fit <- our_fit("slope")
  picture <- plot(fit)
  expect_s3_class(picture, "trellis")
  expect_equal(picture$panel.args[[1]]$x, unname(fitted(fit)))
  expect_equal(picture$panel.args[[1]]$y, unname(residuals(fit)))
  scale <- plot(fit, which = "scale")$panel.args[[1]]
  expect_equal(scale$y, unname(sqrt(abs(rstandard(fit)))))
  expect_equal(sort(plot(fit, which = "qq")$panel.args[[1]]$x),
    unname(sort(residuals(fit, scaled = TRUE))))
  for (name in c("slope", "three", "weighted", "exclude", "singular", "poly")) {
    for (which in c("residuals", "qq", "scale", "group")) {
      expect_true(draws(plot(our_fit(name), which = which)), label = paste(name, which))
    }
  }
  expect_true(draws(plot(many_groups(), which = "group")))
  expect_error(plot(fit, which = "pie"), class = "rlmm_bad_argument")
})

test_that("a formula chooses the axes, as in lme4", {
  fit <- our_fit("slope")
  skip_if_not_installed("lme4")
  theirs <- plot(lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy),
    resid(., scaled = TRUE) ~ Days | Subject, abline = 0)
  ours <- plot(fit, resid(., scaled = TRUE) ~ Days | Subject, abline = 0)
  expect_equal(dim(ours), dim(theirs))
  expect_equal(ours$panel.args[[3]]$y, unname(theirs$panel.args[[3]]$y), tolerance = 1e-3)
  expect_equal(ours$ylab, "Scaled residuals")
  for (form in list(Subject ~ resid(.), ~ resid(.), Reaction ~ fitted(.), resid(.) ~ Days)) {
    expect_true(draws(plot(fit, form)))
  }
  expect_true(draws(plot(our_fit("exclude"), resid(.) ~ fitted(.) | Subject, id = 0.05)))
  expect_true(draws(plot(fit, id = 0.05, idLabels = ~Subject, abline = list(h = 0, lty = 3),
    main = "mine", xlab = "x")))
  expect_equal(plot(fit, xlab = "mine")$xlab, "mine")
  expect_error(plot(fit, resid(.) ~ planet), "planet", class = "rlmm_evaluation")
  expect_error(plot(fit, "y ~ x"), class = "rlmm_bad_argument")
  expect_error(plot(fit, id = 3), class = "rlmm_bad_argument")
})

test_that("random effects are drawn with lattice's generics, as lme4's are", {
  for (name in c("slope", "three", "penicillin", "pastes", "factor_left")) {
    ours <- ranef(our_fit(name))
    theirs <- lattice::dotplot(nlme::ranef(lme4_fit(name)))
    expect_named(lattice::dotplot(ours), names(theirs))
    for (generic in list(lattice::dotplot, lattice::qqmath, plot)) {
      plots <- generic(ours)
      expect_true(all(vapply(unclass(plots), inherits, NA, "trellis")))
      expect_true(draws(plots))
    }
    expect_equal(dim(unclass(lattice::dotplot(ours))[[1]]), dim(theirs[[1]]))
  }
  fit <- our_fit("slope")
  picture <- dotplot(ranef(fit))$Subject
  expect_equal(sort(picture$panel.args[[1]]$x), sort(ranef(fit)$Subject[, 1]))
  expect_equal(levels(picture$panel.args[[1]]$y),
    rownames(ranef(fit)$Subject)[order(ranef(fit)$Subject[, 1])])
  expect_true(draws(dotplot(ranef(fit, condVar = FALSE))))
  expect_true(draws(dotplot(ranef(fit), level = NULL, main = FALSE, transf = exp)))
  expect_true(draws(dotplot(ranef(many_groups()))))
  expect_true(draws(qqmath(ranef(many_groups()))))
})

test_that("effects are drawn with the lines of the groups", {
  fit <- our_fit("slope")
  picture <- plot_effect(fit)
  expect_equal(unname(picture$panel.args[[1]]$y[c(1, 60)]),
    unname(predict(fit, data.frame(Days = c(0, 9)), re.form = NA)))
  data <- method_data()
  effects <- group_effects(fit, data.frame(Days = 0:9), "Subject")
  lines <- predict(fit, data.frame(Days = 0:9), re.form = NA) + effects
  expect_equal(unname(lines[, 3]), unname(fitted(fit)[data$Subject == "310"]))
  expect_true(draws(plot_effect(our_fit("poly"))))
  bare <- our_fit("poly")
  bare$raw <- NULL
  expect_error(plot_effect(bare), "Days", class = "rlmm_missing_variable")
  expect_true(draws(plot_effect(bare, data = data)))
  for (name in c("three", "weighted", "offset", "deficient", "factor_left")) {
    expect_true(draws(plot_effect(our_fit(name), data = model_data(name))), label = name)
  }
  expect_true(draws(plot_effect(our_fit("cake"), "temperature", group = NA)))
  expect_true(draws(plot_effect(our_fit("three"), "z", group = "h", at = list(Days = 3))))
  expect_true(draws(plot_effect(many_groups())))
  expect_error(plot_effect(fit, "planet"), class = "rlmm_unknown_name")
  expect_error(plot_effect(fit, group = "planet"), class = "rlmm_unknown_name")
})

test_that("shrinkage goes from each group's own estimates to its modes", {
  fit <- our_fit("slope")
  own <- own_estimates(fit, 1L)
  alone <- coef(lm(Reaction ~ Days, method_data(), subset = Subject == "309"))
  expect_equal(own["309", ] + fixef(fit), alone)
  picture <- plot_shrinkage(fit)
  expect_equal(unname(picture$panel.args[[1]]$x), coef(fit)$Subject[, 1])
  for (name in c("three", "penicillin", "weighted", "split", "singular")) {
    expect_true(draws(plot_shrinkage(our_fit(name))), label = name)
  }
  expect_true(draws(plot_shrinkage(fit, columns = "Days")))
  expect_true(draws(plot_shrinkage(many_groups())))
  expect_true(draws(plot_shrinkage(many_groups(), "g", 2)))
  expect_error(plot_shrinkage(fit, "planet"), class = "rlmm_unknown_name")
  expect_error(plot_shrinkage(fit, columns = "planet"), class = "rlmm_unknown_name")
})

test_that("settings of the caller go before ours", {
  effects <- ranef(our_fit("slope"))
  picture <- lattice::dotplot(effects, scales = list(x = list(relation = "same")), strip = FALSE,
    ylab = "s", main = "mine")$Subject
  expect_equal(picture$ylab, "s")
  expect_equal(picture$main, "mine")
  expect_null(lattice::dotplot(effects, main = FALSE)$Subject$main)
  expect_equal(plot(effects, main = "mine")$Subject$main, "mine")
  expect_equal(picture$x.scales$relation, "same")
  expect_true(draws(picture))
  expect_equal(lattice::qqmath(effects, xlab = "b", ylab = "z")$Subject$ylab, "z")
  expect_true(draws(plot(effects, aspect = 1)))
  fit <- our_fit("slope")
  expect_true(draws(plot(fit, sqrt(abs(resid(.))) ~ fitted(.), type = c("p", "smooth"), pch = 2)))
  expect_equal(plot_effect(fit, main = "a", ylim = c(0, 600), data = method_data())$y.limits,
    c(0, 600))
})

test_that("coefficients that differ between levels are drawn", {
  coefs <- coef(our_fit("offset"))
  for (generic in list(plot, lattice::dotplot, lattice::qqmath)) {
    plots <- generic(coefs)
    expect_named(plots, "Subject")
    expect_true(draws(plots))
  }
  expect_equal(dim(lattice::dotplot(coefs)$Subject), 1L)
  expect_equal(dim(lattice::dotplot(coef(our_fit("slope")))$Subject), 2L)
  expect_true(draws(plot(coef(our_fit("three")))))
  expect_length(lattice::dotplot(coef(our_fit("singular"))), 0)
})

test_that("qqmath() of a fit is its Q-Q plot, with labels", {
  fit <- our_fit("slope")
  picture <- lattice::qqmath(fit, id = 0.05, idLabels = ~Subject)
  expect_equal(sort(picture$panel.args[[1]]$x), unname(sort(residuals(fit, scaled = TRUE))))
  expect_true(draws(picture))
  skip_if_not_installed("lme4")
  theirs <- lattice::qqmath(lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy))
  expect_equal(sort(picture$panel.args[[1]]$x), sort(unname(theirs$panel.args[[1]]$x)),
    tolerance = 1e-3)
})

test_that("Cook's distances are drawn", {
  fit <- our_fit("slope")
  picture <- plot(influence(fit, "Subject"))
  expect_equal(levels(picture$panel.args[[1]]$y)[18],
    names(which.max(influence(fit, "Subject")$cooks)))
  expect_true(draws(picture))
  expect_true(draws(plot(influence(fit))))
  expect_true(draws(plot(influence(many_groups(), "g"), labels = 2)))
})
